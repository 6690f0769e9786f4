import { useState } from "preact/hooks";

const KEY = "backline.enter";

/** Whether Enter sends: as chosen, else where there is a keyboard. */
export function useEnter(): [boolean, (sends: boolean) => void] {
  const [sends, setSends] = useState(read);
  const choose = (value: boolean) => {
    setSends(value);
    try {
      localStorage.setItem(KEY, value ? "send" : "break");
    } catch {
      // it lasts as long as the page
    }
  };
  return [sends, choose];
}

function read(): boolean {
  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen) return chosen === "send";
  } catch {
    // nothing was kept
  }
  return matchMedia("(hover: hover) and (pointer: fine)").matches;
}
