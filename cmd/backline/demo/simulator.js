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

// mail shows one as a mail program does: its HTML with no scripts, in a frame as high as what is in it.
function mail(m) {
  const box = document.createElement("details");
  box.className = "mail";
  box.dataset.id = m.id;
  const head = document.createElement("summary");
  const subject = document.createElement("b");
  subject.textContent = m.subject;
  const from = document.createElement("small");
  from.textContent = m.from.split(" <")[0].replaceAll('"', "") + ", " + new Date(m.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  head.append(subject, from);
  const frame = document.createElement("iframe");
  frame.title = m.subject;
  frame.setAttribute("sandbox", "allow-same-origin allow-popups allow-popups-to-escape-sandbox");
  const fit = () => { if (frame.contentDocument?.body) frame.style.height = frame.contentDocument.documentElement.scrollHeight + "px"; };
  frame.addEventListener("load", fit);
  box.addEventListener("toggle", fit);
  frame.srcdoc = '<base target="_blank">' + m.html;
  box.append(head, frame);
  return box;
}

// showMails adds what is new on top, opened, and leaves the rest as the reader has it.
function showMails(log, mails) {
  for (const m of [...mails].reverse()) {
    if (log.querySelector(`[data-id="${m.id}"]`)) continue;
    log.querySelector(".empty")?.remove();
    for (const old of log.querySelectorAll("details")) old.open = false;
    const box = mail(m);
    box.open = true;
    log.prepend(box);
  }
}

async function refresh() {
  const state = await (await fetch("/simulator/state")).json();
  for (const d of devices) {
    const s = state[d.dataset.kind];
    d.querySelector("[data-remote]").textContent = s.remote;
    const account = d.querySelector("[data-account]");
    if (account) account.textContent = s.account;
    const log = d.querySelector(".log");
    if (d.dataset.kind === "mail") { showMails(log, s.messages); continue; }
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
