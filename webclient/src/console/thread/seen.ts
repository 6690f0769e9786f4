import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Desk } from "../desk";
import type { Keeper } from "./scroll";

/** Tells the gateway what was read: the end of the thread, on a page that is looked at. */
export function useSeen(desk: Desk, id: string, keeper: Keeper): void {
  useEffect(() => {
    const look = () => {
      if (keeper.atEnd.peek() && document.visibilityState === "visible" && document.hasFocus()) desk.seen(id);
    };
    const stop = effect(() => {
      keeper.atEnd.value;
      desk.store.timeline(id).items.value;
      desk.store.version.value;
      look();
    });
    window.addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      stop();
      window.removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, [desk, id, keeper]);
}
