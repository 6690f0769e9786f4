// What is open stands in the address, so that a reload opens it again, a colleague can be sent there, and "back"
// on a phone leads to the list and not out of the console.

import { effect } from "@preact/signals-core";
import type { Desk } from "./desk";

/** The browser's address bar, as far as it is used. */
export interface Bar {
  hash(): string;
  push(hash: string): void;
  replace(hash: string): void;
  /** Calls back when the person went back or forth, until the returned function is called. */
  moved(f: () => void): () => void;
}

type Place = Pick<Desk, "selected" | "page" | "select">;

const CONVERSATION = /^#\/c\/([\w-]+)$/;

/** Keeps the address until the returned function is called. */
export function keepAddress(desk: Place, bar: Bar): () => void {
  const go = () => {
    if (bar.hash() === "#/emergency") {
      desk.page.value = "emergency";
      return;
    }
    const id = CONVERSATION.exec(bar.hash())?.[1] ?? "";
    if (id !== desk.selected.peek() || desk.page.peek() !== "inbox") desk.select(id);
  };
  go();
  const stopWatching = bar.moved(go);
  const stopWriting = effect(() => {
    const id = desk.selected.value;
    const hash = desk.page.value === "emergency" ? "#/emergency" : id ? `#/c/${id}` : "";
    if (hash === bar.hash()) return;
    // From one conversation to the next is no step: back leads to the list.
    if (bar.hash() === "") bar.push(hash);
    else bar.replace(hash);
  });
  return () => {
    stopWriting();
    stopWatching();
    bar.replace("");
  };
}

export function browserBar(): Bar {
  const address = (hash: string) => `${location.pathname}${location.search}${hash}`;
  return {
    hash: () => location.hash,
    push: (hash) => history.pushState(null, "", address(hash)),
    replace: (hash) => history.replaceState(null, "", address(hash)),
    moved: (f) => {
      window.addEventListener("popstate", f);
      window.addEventListener("hashchange", f);
      return () => {
        window.removeEventListener("popstate", f);
        window.removeEventListener("hashchange", f);
      };
    },
  };
}
