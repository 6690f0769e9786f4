import { useEffect } from "preact/hooks";
import type { Desk } from "../desk";
import { singleKeysOff } from "../keys";
import { recordAct } from "./recordline";

/** M mutes; H holds and resumes; C asks a colleague; R records; Ctrl+Shift+H hangs up, also while somebody types; Shift+E opens the emergency page and starts nothing. */
export function useCallKeys(desk: Desk): void {
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.altKey || e.repeat) return;
      if (act(desk, e)) e.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [desk]);
}

function act(desk: Desk, e: KeyboardEvent): boolean {
  const key = e.key.toLowerCase();
  const inCall = desk.phone.view.value.at === "call";
  if (key === "h" && e.shiftKey && (e.ctrlKey || e.metaKey)) {
    if (inCall) desk.phone.hangUp();
    return inCall;
  }
  if (e.ctrlKey || e.metaKey || singleKeysOff(e.key) || isWriting(e.target) || document.querySelector("dialog[open]"))
    return false;
  if (key === "e" && e.shiftKey) {
    desk.page.value = "emergency";
    return true;
  }
  if (e.shiftKey || !inCall) return false;
  switch (key) {
    case "m":
      desk.phone.toggleMute();
      return true;
    case "h":
      desk.phone.toggleHold();
      return true;
    case "r": {
      const what = recordAct(desk, desk.phone.view.value);
      if (what) desk.phone.act(what);
      return what !== null;
    }
    case "c":
      document.getElementById("cl-colleague")?.click();
      return true;
  }
  return false;
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}
