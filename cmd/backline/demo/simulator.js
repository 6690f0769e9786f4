"use strict";
// Shows what the stand-ins of the providers know, and lets a person write as the customer.
const devices = [...document.querySelectorAll(".device")];

function line(m) {
  const div = document.createElement("div");
  div.className = "msg " + (m.from === "customer" ? "mine" : "theirs");
  const p = document.createElement("p");
  p.textContent = m.text;
  if (m.text) div.append(p);
  for (const url of m.media ? [m.media] : []) {
    const a = document.createElement("a");
    a.href = url; a.textContent = "Attachment"; a.rel = "noreferrer"; a.target = "_blank";
    div.append(a);
  }
  if (m.status) {
    const s = document.createElement("small");
    s.textContent = m.status;
    div.append(s);
  }
  return div;
}

async function refresh() {
  const state = await (await fetch("/simulator/state")).json();
  for (const d of devices) {
    const s = state[d.dataset.kind];
    d.querySelector("[data-remote]").textContent = s.remote;
    d.querySelector("[data-account]").textContent = s.account;
    const log = d.querySelector(".log");
    log.replaceChildren(...s.messages.map(line));
    log.scrollTop = log.scrollHeight;
  }
}

async function say(kind, body) {
  const res = await fetch("/simulator/" + kind, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!res.ok) alert("The gateway answered " + (await res.text()));
  await refresh();
}

for (const d of devices) {
  const kind = d.dataset.kind;
  const form = d.querySelector("form");
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const text = form.elements.text.value.trim();
    if (text) say(kind, { text });
    form.reset();
  });
  for (const b of d.querySelectorAll("[data-say]")) b.addEventListener("click", () => say(kind, { text: b.dataset.say }));
  for (const b of d.querySelectorAll("[data-image]")) b.addEventListener("click", () => say(kind, { image: true }));
}

new EventSource("/simulator/events").onmessage = refresh;
refresh();
