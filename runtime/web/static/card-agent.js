// Pages and the card agent: login, certificate, signDocument, approve.
//
//   import { prepare, login, AgentError } from "/static/card-agent.js";
//   prepare(agentUrl);                                    // once, when the page is ready
//   button.addEventListener("click", async () => {
//     try { const token = await login(agentUrl, nonce, "zh"); … }
//     catch (error) { show(error.message); }              // an AgentError, readable, with .code
//   });
//
// The agent asks for the PIN in a window of its own, which must be opened inside the click: call these
// functions directly from the event handler, with nothing awaited before. Several steps in one click share
// one window: const prompt = openPrompt(agentUrl, lang), then pass { prompt } to each.

const WINDOW_FEATURES = "popup,width=480,height=640";
const TIMEOUT_MS = 240000;
const STATUS_TIMEOUT_MS = 4000;
const PAGE = "page";

const MESSAGES = {
  "agent-unreachable": {
    en: "The card agent does not answer. Start it on this computer; if your browser asks whether this site may "
      + "reach programs on this computer, allow it. The agent must also list this site among those it serves.",
    zh: "卡代理没有响应。请在本机启动卡代理；如果浏览器询问是否允许本网站访问本机程序，请选择允许。卡代理的允许列表中也必须包含本网站。",
  },
  "popup-blocked": {
    en: "Your browser blocked the window that asks for the PIN. Allow pop-up windows for this site and try again.",
    zh: "浏览器拦截了输入 PIN 码的窗口。请允许本网站弹出窗口后重试。",
  },
  "agent-timeout": {
    en: "The card agent did not answer in time. Try again.",
    zh: "卡代理响应超时，请重试。",
  },
  "bad-answer": {
    en: "The card agent sent an answer that cannot be read. Update the agent.",
    zh: "无法读取卡代理的应答，请更新卡代理。",
  },
};

/** Why the agent did not do it: `code` for programs, `message` for the person, `attemptsRemaining` for a wrong PIN. */
export class AgentError extends Error {
  constructor(code, message, attemptsRemaining = null) {
    super(message);
    this.name = "AgentError";
    this.code = code;
    this.attemptsRemaining = attemptsRemaining;
  }
}

const statuses = new Map();

/** Ask the agent how it prompts, so that a later click knows at once. Resolves to its status, or null. */
export async function prepare(agentUrl) {
  try {
    const answer = await fetch(`${agentUrl}/status`, {
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(STATUS_TIMEOUT_MS),
    });
    const status = answer.ok ? await answer.json() : null;
    if (status) statuses.set(agentUrl, status);
    return status;
  } catch {
    statuses.delete(agentUrl);
    return null;
  }
}

/** Open the agent's prompt window, where it prompts by one; to be called inside the click. */
export function openPrompt(agentUrl, lang = "zh") {
  const status = statuses.get(agentUrl);
  if (status && status.prompt !== PAGE) return { needed: false };
  const address = `${agentUrl}/prompt?lang=${encodeURIComponent(lang)}`;
  if (status) {
    const opened = window.open(address, "_blank", WINDOW_FEATURES);
    if (!opened) throw failure("popup-blocked", lang);
    return { needed: true };
  }
  // The agent has not answered yet: hold an empty window from this click, and fill or close it below.
  const held = window.open("about:blank", "_blank", WINDOW_FEATURES);
  return { needed: true, held, address };
}

/** A card token (Web eID format) for a nonce; the origin is the one the browser reports. */
export async function login(agentUrl, nonce, lang = "zh", options = {}) {
  return ask(agentUrl, "/login", { nonce, lang }, options);
}

/** The signature certificate of the card the person chooses: { certificate, supportedSignatureAlgorithms, card }. */
export async function certificate(agentUrl, lang = "zh", options = {}) {
  return ask(agentUrl, "/certificate", { lang }, options);
}

/** A signature: request = { certificate, signed_attributes, document: { title, size, pages, digest } }. */
export async function signDocument(agentUrl, request, lang = "zh", options = {}) {
  return ask(agentUrl, "/document", { ...request, lang }, options);
}

/** An officer's approval of a statement (Base64): { approval }. */
export async function approve(agentUrl, statement, lang = "zh", options = {}) {
  return ask(agentUrl, "/approval", { statement, lang }, options);
}

async function ask(agentUrl, path, body, { prompt = null, signal = null } = {}) {
  const opened = prompt ?? openPrompt(agentUrl, body.lang);
  await settle(agentUrl, opened, body.lang);
  const signals = [AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])];
  let answer;
  try {
    answer = await fetch(agentUrl + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.any(signals),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw failure(error.name === "TimeoutError" ? "agent-timeout" : "agent-unreachable", body.lang);
  }
  return read(answer, body.lang);
}

async function settle(agentUrl, opened, lang) {
  if (!("held" in opened) || opened.settled) return;
  opened.settled = true;
  const status = await prepare(agentUrl);
  if (!status || status.prompt !== PAGE) {
    opened.held?.close();
    if (!status) throw failure("agent-unreachable", lang);
  } else if (!opened.held) {
    throw failure("popup-blocked", lang);
  } else {
    opened.held.location = opened.address;
  }
}

async function read(answer, lang) {
  let document;
  try {
    document = await answer.json();
  } catch {
    throw failure("bad-answer", lang);
  }
  if (document.error) {
    const { code, message, attempts_remaining: attempts = null } = document.error;
    throw new AgentError(code, message, attempts);
  }
  if (!answer.ok) throw failure("bad-answer", lang);
  return document;
}

function failure(code, lang) {
  return new AgentError(code, MESSAGES[code][lang === "zh" ? "zh" : "en"]);
}
