import { useEffect, useState } from "preact/hooks";

/** Beside the thread there is room for the context; below it is a drawer. shell.css has the same width. */
const WIDE = "(min-width: 1100px)";

export function useWide(): boolean {
  const [wide, setWide] = useState(() => matchMedia(WIDE).matches);
  useEffect(() => {
    const query = matchMedia(WIDE);
    const change = () => setWide(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return wide;
}
