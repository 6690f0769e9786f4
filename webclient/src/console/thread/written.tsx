import { partsOf } from "./links";

/** What somebody wrote: text, with its addresses as links; never HTML. */
export function Written(props: { text: string }) {
  return (
    <span class="th-text" dir="auto">
      {partsOf(props.text).map((p, i) =>
        p.href ? (
          <a key={i} href={p.href} target="_blank" rel="noopener noreferrer nofollow">
            {p.text}
          </a>
        ) : (
          p.text
        ),
      )}
    </span>
  );
}
