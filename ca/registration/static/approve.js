// Approving an application: the card agent signs the statement, the form carries the signature.
import { approve, prepare } from "/static/card-agent.js";

const form = document.getElementById("approval-form");
const button = document.getElementById("approve");
const status = document.getElementById("status");
const failure = document.getElementById("failure");
const texts = form.dataset;

prepare(texts.agent);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  failure.hidden = true;
  button.disabled = true;
  status.textContent = texts.working;
  try {
    const answer = await approve(texts.agent, texts.statement, texts.language);
    status.textContent = texts.sending;
    form.elements.approval.value = answer.approval;
    form.submit();
  } catch (error) {
    failure.querySelector("p").textContent = error && error.code && error.message ? error.message : texts.failed;
    failure.hidden = false;
    status.textContent = "";
    button.disabled = false;
    button.focus();
  }
});

// A page taken from the browser's memory has a spent statement and a disabled button.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});
