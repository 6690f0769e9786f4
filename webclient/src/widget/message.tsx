// One message: its text with links, its files, and for the visitor's own how far it has come.

import type { Attachment } from "../shared/protocol";
import { Icon } from "./icons";
import { pieces } from "./links";

interface Props {
  own: boolean;
  text: string;
  files: Attachment[];
  /** waiting, sent, failed, read; of the visitor's own. */
  delivery: string;
  /** Who speaks, for those who do not see on which side it stands. */
  speaker: string;
  fileURL(a: Attachment): string;
  /** A picture has its size now. */
  grown(): void;
}

export function Message(props: Props) {
  const { own, text, files, delivery, speaker } = props;
  return (
    <div
      class={own ? "bubble own" : "bubble"}
      data-testid="message"
      data-direction={own ? "inbound" : "outbound"}
      data-delivery={delivery}
    >
      <span class="sr">{speaker}: </span>
      {pieces(text).map((p) =>
        p.href ? (
          <a href={p.href} target="_blank" rel="noopener noreferrer">
            {p.text}
          </a>
        ) : (
          p.text
        ),
      )}
      {files.map((a) => (
        <FileView key={a.file} file={a} url={props.fileURL(a)} grown={props.grown} />
      ))}
    </div>
  );
}

/** A picture in place, anything else as a link. A picture that this website's policy does not let in shows its name. */
function FileView({ file, url, grown }: { file: Attachment; url: string; grown(): void }) {
  const name = file.name || file.title || file.kind;
  const inside =
    file.kind === "image" && file.file ? (
      <img src={url} alt={name} onLoad={grown} />
    ) : (
      <span class="chip">
        <Icon name="file" size={18} />
        <span>{name}</span>
      </span>
    );
  if (!file.file) return inside;
  return (
    <a class="file" href={url} target="_blank" rel="noopener noreferrer">
      {inside}
    </a>
  );
}
