import { useEffect, useRef } from "preact/hooks";

/** Closes a menu when the pointer goes down or the focus goes elsewhere. */
export function useOutside(box: { current: HTMLElement | null }, close: () => void): void {
  const shut = useRef(close);
  shut.current = close;
  useEffect(() => {
    const outside = (e: Event) => {
      const menu = box.current?.parentElement;
      if (menu && e.target instanceof Node && !menu.contains(e.target)) shut.current();
    };
    document.addEventListener("pointerdown", outside, true);
    document.addEventListener("focusin", outside, true);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
      document.removeEventListener("focusin", outside, true);
    };
  }, [box]);
}
