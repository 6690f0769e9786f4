import { useEffect, useRef } from "preact/hooks";
import type { Attachment } from "../../shared/protocol";
import { hrefOfFile, nameOfFile } from "./files";
import { Icon } from "./icons";
import type { Texts } from "./texts";

interface Props {
  picture: Attachment;
  t: Texts;
  close: () => void;
}

/** One picture, as large as the window. */
export function Lightbox({ picture, t, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const href = hrefOfFile(picture.file ?? "");
  const name = nameOfFile(picture, t);
  return (
    <dialog ref={dialog} class="th-lightbox" aria-label={name} onClose={close}>
      <header>
        <span class="th-lightbox-name">{name}</span>
        <a class="th-ib" href={href} target="_blank" rel="noopener noreferrer" aria-label={t.openTab} title={t.openTab}>
          <Icon name="open" size={18} />
        </a>
        <a
          class="th-ib"
          href={`${href}?download`}
          download={picture.name ?? ""}
          aria-label={t.download}
          title={t.download}
        >
          <Icon name="download" size={18} />
        </a>
        <button type="button" class="th-ib" aria-label={t.shut} title={t.shut} onClick={close}>
          <Icon name="close" size={18} />
        </button>
      </header>
      <img src={href} alt={name} />
    </dialog>
  );
}
