// The upload form: progress while the file travels, and a refusal before it does when it cannot be taken.
const form = document.getElementById("upload");
const input = document.getElementById("document");
const button = document.getElementById("send");
const progress = document.getElementById("progress");
const bar = document.getElementById("bar");
const text = document.getElementById("progress-text");
const failure = document.getElementById("upload-failure");
const texts = form.dataset;

function fail(message) {
  failure.querySelector("p").textContent = message;
  failure.hidden = false;
  progress.hidden = true;
  button.disabled = false;
  input.setAttribute("aria-invalid", "true");
  failure.focus();
}

function finish(request) {
  let answer = null;
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    fail(texts.failed);
    return;
  }
  if (request.status === 201) {
    window.location.assign(answer.location);
  } else {
    fail(answer.detail || texts.failed);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  failure.hidden = true;
  input.removeAttribute("aria-invalid");
  const file = input.files[0];
  if (file.size === 0) {
    fail(texts.empty);
    return;
  }
  if (file.size > Number(texts.maximum)) {
    fail(texts.tooLarge);
    return;
  }
  button.disabled = true;
  progress.hidden = false;
  bar.value = 0;
  text.textContent = texts.uploading;
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRF-Token", document.querySelector('meta[name="csrf-token"]').content);
  request.upload.addEventListener("progress", (step) => {
    if (step.lengthComputable) {
      bar.value = Math.round((100 * step.loaded) / step.total);
    }
  });
  request.upload.addEventListener("load", () => {
    bar.removeAttribute("value");
    text.textContent = texts.examining;
  });
  request.addEventListener("load", () => finish(request));
  request.addEventListener("error", () => fail(texts.failed));
  request.send(new FormData(form));
});

// A page taken from the browser's memory has a disabled button.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    window.location.reload();
  }
});
