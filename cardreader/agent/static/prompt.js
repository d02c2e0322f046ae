// The prompt window: shows what is asked, takes the card and the PIN, and follows the request to its end.

const byId = (id) => document.getElementById(id);
const NOTHING_AFTER_MS = 15000;
const NEXT_STEP_MS = 30000;

let version = -1;
let shown = null;
let words = {};
let served = false;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function say(text) {
  byId("status").textContent = text;
  byId("status").hidden = !text;
}

function cardRow(card, index, checked) {
  const row = element("div", undefined, "card");
  const radio = element("input");
  radio.type = "radio";
  radio.name = "card";
  radio.id = `card-${index}`;
  radio.value = String(index);
  radio.checked = checked;
  radio.disabled = card.tries === 0;
  radio.addEventListener("change", showTries);
  const label = element("label", card.holder);
  label.htmlFor = radio.id;
  const state = card.tries === 0 ? words.blocked : `${words.until} ${card.until}`;
  label.append(element("small", `${card.kind} · ${state} · ${card.reader}`));
  row.append(radio, label);
  return row;
}

function chosen() {
  const radio = document.querySelector("input[name=card]:checked");
  return radio ? Number(radio.value) : -1;
}

function showTries() {
  const card = shown.cards[chosen()];
  const tries = byId("pin-tries");
  tries.textContent = !card ? "" : card.tries === 1 ? words.last : words.tries.replace("{n}", card.tries);
  tries.className = card && card.tries === 1 ? "failure" : "help";
  byId("confirm").disabled = !card;
}

function showRequest(request, lang) {
  const previous = shown ? chosen() : -1;
  shown = request;
  served = true;
  document.documentElement.lang = lang === "zh" ? "zh-Hans" : "en";
  document.title = `${request.title} · ${words.title}`;
  byId("heading").textContent = request.title;
  const details = byId("details");
  details.replaceChildren(element("dt", words.site), element("dd", request.origin));
  for (const [label, value] of request.details) details.append(element("dt", label), element("dd", value));
  const usable = request.cards.map((card) => card.tries > 0);
  const first = previous >= 0 && usable[previous] ? previous : usable.indexOf(true);
  byId("cards-legend").textContent = request.cards.length > 1 ? words.choose : words.card;
  const legend = byId("cards-legend");
  byId("cards").replaceChildren(legend, ...request.cards.map((card, index) => cardRow(card, index, index === first)));
  byId("pin-row").hidden = !request.needs_pin;
  byId("pin-label").textContent = words.pin;
  byId("pin-help").textContent = words.pin_help;
  byId("pin").value = "";
  byId("failure").textContent = request.failure;
  byId("failure").hidden = !request.failure;
  byId("pin").setAttribute("aria-invalid", request.failure ? "true" : "false");
  byId("confirm").textContent = words[`confirm_${request.purpose}`];
  byId("cancel").textContent = words.cancel;
  byId("prompt").hidden = false;
  byId("end").hidden = true;
  say("");
  showTries();
  if (request.cards.length > 1 && !request.failure) byId(`card-${Math.max(first, 0)}`).focus();
  else if (request.needs_pin) byId("pin").focus();
  else byId("confirm").focus();
}

function showEnd(text, closing) {
  byId("prompt").hidden = true;
  say(text);
  shown = null;
  if (closing) {
    window.close();
    return;
  }
  byId("end").hidden = false;
  byId("close").textContent = words.close;
  byId("close").focus();
}

function showOutcome(outcome) {
  if (outcome.ok && outcome.more) {
    byId("prompt").hidden = true;
    shown = null;
    say(words.next);
    setTimeout(() => { if (!shown) showEnd(words.done, true); }, NEXT_STEP_MS);
  } else if (outcome.ok || outcome.cancelled) {
    showEnd(outcome.ok ? words.done : outcome.message, true);
  } else {
    showEnd(outcome.message, false);
  }
}

async function follow() {
  const lang = new URLSearchParams(location.search).get("lang") || "zh";
  for (;;) {
    const url = `/prompt/pending?after=${version}&lang=${encodeURIComponent(lang)}`;
    const answer = await fetch(url, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const view = await answer.json();
    words = view.words;
    if (view.version === version) continue;
    version = view.version;
    if (view.request && view.working) {
      byId("confirm").disabled = true;
      say(words.working);
    } else if (view.request) {
      showRequest(view.request, view.lang);
    } else if (view.outcome && served) {
      showOutcome(view.outcome);
      if (!view.outcome.more) return;
    } else if (view.outcome && view.outcome.recent && view.outcome.message && !view.outcome.cancelled) {
      // It failed before there was anything to ask (no card, say): tell it, and stay for a next attempt.
      showEnd(view.outcome.message, false);
    }
  }
}

async function send(path, headers, body) {
  await fetch(path, { method: "POST", headers: { "Content-Type": "application/octet-stream", ...headers }, body });
}

byId("prompt").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("pin");
  if (!shown || chosen() < 0) return;
  if (shown.needs_pin && (!field.value || !field.checkValidity())) {
    byId("failure").textContent = words.pin_format;
    byId("failure").hidden = false;
    field.setAttribute("aria-invalid", "true");
    field.focus();
    return;
  }
  const pin = new TextEncoder().encode(field.value);
  field.value = "";
  byId("confirm").disabled = true;
  send("/prompt/answer", { "X-Prompt-Request": shown.id, "X-Prompt-Card": String(chosen()) }, pin);
});

function cancel() {
  if (shown) send("/prompt/cancel", { "X-Prompt-Request": shown.id }, "");
}

byId("cancel").addEventListener("click", cancel);
byId("close").addEventListener("click", () => window.close());
document.addEventListener("keydown", (event) => { if (event.key === "Escape") cancel(); });
window.addEventListener("pagehide", () => {
  if (shown) {
    const headers = { "Content-Type": "application/octet-stream", "X-Prompt-Request": shown.id };
    fetch("/prompt/cancel", { method: "POST", headers, body: "", keepalive: true });
  }
});
setTimeout(() => { if (!served) say(words.nothing || ""); }, NOTHING_AFTER_MS);
follow().catch(() => showEnd(words.lost || "", false));
