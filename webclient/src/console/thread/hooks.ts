import { useEffect, useState } from "preact/hooks";
import { type Texts, textsFor } from "./texts";

/** The texts in the page's language; drawn again when that changes. */
export function useTexts(): Texts {
  const [language, setLanguage] = useState(document.documentElement.lang);
  useEffect(() => {
    const root = document.documentElement;
    const watch = new MutationObserver(() => setLanguage(root.lang));
    watch.observe(root, { attributes: true, attributeFilter: ["lang"] });
    setLanguage(root.lang);
    return () => watch.disconnect();
  }, []);
  return textsFor(language);
}

/** The gateway's time, renewed every `everyMS`. */
export function useNow(skew: number, everyMS = 20_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const tick = setInterval(() => setNow(Date.now()), everyMS);
    return () => clearInterval(tick);
  }, [everyMS]);
  return now + skew;
}
