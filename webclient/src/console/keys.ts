import { useEffect } from "preact/hooks";
import type { Desk } from "./desk";
import { neighbour, TABS } from "./lists";
import { offerOf, pickable, ringing } from "./ring";

interface Doors {
  help: () => void;
  closeDrawer: () => void;
}

/** Single keys of the frame; silent while somebody types or a dialog is open. Those of the thread are its own. */
export function useShellKeys(desk: Desk, doors: Doors): void {
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
      if (singleKeysOff(e.key) || isWriting(e.target) || document.querySelector("dialog[open]")) return;
      if (act(desk, doors, e.key)) e.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [desk]);
}

/** The agent wants no command by a single key; Esc is none. */
export function singleKeysOff(key: string): boolean {
  return key !== "Escape" && document.documentElement.dataset.keys === "off";
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function act(desk: Desk, doors: Doors, key: string): boolean {
  const first = ringing(desk)[0];
  const offer = first && offerOf(first, desk.store.agent);
  switch (key) {
    case "j":
    case "k": {
      const next = neighbour(desk.store.rows(desk.tab.value), desk.selected.value, key === "j" ? 1 : -1);
      if (next) desk.select(next.id);
      return true;
    }
    case "a":
    case "d":
      if (!offer) return false;
      if (key === "a") desk.accept(first.id, offer.id);
      else desk.decline(first.id, offer.id);
      return true;
    case "g": {
      const rings = pickable(desk);
      if (rings) desk.take(rings.id);
      return rings !== undefined;
    }
    case "1":
    case "2":
    case "3":
    case "4":
      desk.tab.value = TABS[Number(key) - 1] ?? "mine";
      return true;
    case "p":
      document.getElementById("sh-presence")?.click();
      return true;
    case "/":
      document.getElementById("sh-search")?.focus();
      return true;
    case "?":
      doors.help();
      return true;
    case "Escape":
      doors.closeDrawer();
      return false;
  }
  return false;
}
