// Signing: the card's certificate, then the prepared attributes signed by the card, then the judgement.
import { certificate, openPrompt, prepare as meetAgent, signDocument } from "/static/card-agent.js";

const section = document.getElementById("sign");
const button = document.getElementById("sign-button");
const status = document.getElementById("status");
const digest = document.getElementById("digest");
const failure = document.getElementById("sign-failure");
const texts = section.dataset;
const csrf = document.querySelector('meta[name="csrf-token"]').content;

function hexadecimal(base64) {
  const digits = Array.from(atob(base64), (octet) => octet.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  // Groups of eight, as the card window shows them.
  return digits.match(/.{8}/g).join(" ");
}

async function send(address, body) {
  let answer;
  try {
    const response = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify(body),
    });
    answer = await response.json();
    if (response.ok) {
      return answer;
    }
  } catch {
    throw new Error(texts.failed);
  }
  throw new Error(answer.detail || texts.failed);
}

function fail(error) {
  failure.querySelector("p").textContent = error.message || texts.failed;
  failure.hidden = false;
  status.textContent = "";
  button.disabled = false;
  failure.focus();
}

async function sign(prompt) {
  const options = { prompt };
  status.textContent = texts.choosing;
  const chosen = await certificate(texts.agent, texts.language, options);
  status.textContent = texts.preparing;
  const prepared = await send(texts.prepare, { certificate: chosen.certificate });
  digest.querySelector("code").textContent = hexadecimal(prepared.document.digest);
  digest.hidden = false;
  status.textContent = texts.signing;
  const request = {
    certificate: chosen.certificate,
    signed_attributes: prepared.signed_attributes,
    document: prepared.document,
  };
  const signed = await signDocument(texts.agent, request, texts.language, options);
  status.textContent = texts.submitting;
  return send(texts.submit, { session: prepared.session, signature: signed.signature });
}

button.addEventListener("click", () => {
  failure.hidden = true;
  button.disabled = true;
  let prompt;
  try {
    // The window for the PIN must be opened within the click.
    prompt = openPrompt(texts.agent, texts.language);
  } catch (error) {
    fail(error);
    return;
  }
  sign(prompt).then((outcome) => window.location.assign(outcome.location), fail);
});

meetAgent(texts.agent);

// A page taken from the browser's memory may show a filing that was signed since.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});
