// The login page: the card agent signs our nonce, the form carries its answer.
import { AgentError, login, prepare } from "/static/card-agent.js";

const form = document.getElementById("card-login");
const button = document.getElementById("start");
const status = document.getElementById("status");
const failure = document.getElementById("agent-failure");
const texts = form.dataset;
const csrf = document.querySelector('meta[name="csrf-token"]').content;

const lifetime = Number(texts.nonceSeconds) * 1000;

let nonce = texts.nonce;
let issued = Date.now();

function show(message) {
  failure.querySelector("p").textContent = message;
  failure.hidden = false;
  status.textContent = "";
  button.disabled = false;
  button.focus();
}

// The nonce lives a few minutes; a page left open gets a new one before it ends, so that a click can go to
// the agent at once (the agent's window must open within the click). Meanwhile there is nothing to click:
// the former nonce is void the moment the new one is made.
async function refresh() {
  if (button.disabled || Date.now() - issued < lifetime / 2) {
    return;
  }
  button.disabled = true;
  try {
    const answer = await fetch(texts.nonceUrl, {
      method: "POST",
      headers: { "X-CSRF-Token": csrf, Accept: "application/json" },
    });
    if (answer.ok) {
      nonce = (await answer.json()).nonce;
      issued = Date.now();
    } else if (answer.status === 400 || answer.status === 403) {
      // Logged in meanwhile in another tab, or too late: the server knows how to go on.
      window.location.reload();
    }
  } catch {
    // The next round tries again; the server judges a stale nonce.
  }
  button.disabled = false;
}
setInterval(refresh, lifetime / 10);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") {
    refresh();
  }
});
prepare(texts.agent);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  failure.hidden = true;
  button.disabled = true;
  status.textContent = texts.working;
  try {
    const token = await login(texts.agent, nonce, texts.language);
    status.textContent = texts.checking;
    form.elements.card_token.value = JSON.stringify(token);
    form.submit();
  } catch (error) {
    show(error instanceof AgentError ? error.message : texts.unreachable);
  }
});

// A page taken from the browser's memory has a spent nonce and a disabled button.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});

// Until this script runs a click would send the form without a card's answer.
button.disabled = false;

const refused = document.getElementById("failure");
if (refused) {
  refused.focus();
}
