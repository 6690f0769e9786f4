/** Longer than a picture takes. */
const LATEST_MS = 100;

/** Calls back before the next picture. A hidden page draws none, and must ring nevertheless: then a little later. */
export function soon(f: () => void): void {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    f();
  };
  requestAnimationFrame(once);
  setTimeout(once, LATEST_MS);
}
