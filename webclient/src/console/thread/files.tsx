import { useState } from "preact/hooks";
import type { Attachment } from "../../shared/protocol";
import { fileSize } from "./format";
import { Icon, type IconName } from "./icons";
import type { Texts } from "./texts";
import { Voice } from "./voice";

interface Props {
  files: readonly Attachment[];
  t: Texts;
  /** Shows a picture large. */
  show: (picture: Attachment) => void;
  /** It is a voice message that lasts this long; 0: it is none. */
  voice: number;
}

/** The files of one message. */
export function Files(props: Props) {
  return (
    <div class="th-files">
      {props.files.map((a, i) =>
        props.voice && a.file && a.kind === "audio" ? (
          <Voice key={a.file} src={hrefOfFile(a.file)} ms={props.voice} t={props.t} />
        ) : (
          <File key={a.file ?? a.url ?? i} file={a} t={props.t} show={props.show} />
        ),
      )}
    </div>
  );
}

interface FileProps {
  file: Attachment;
  t: Texts;
  show: (picture: Attachment) => void;
}

function File({ file: a, t, show }: FileProps) {
  const [broken, setBroken] = useState(false);
  const name = nameOfFile(a, t);
  const href = a.file ? hrefOfFile(a.file) : "";
  if (href && !a.error && !broken) {
    if (a.kind === "image" || a.kind === "sticker") {
      return (
        <button
          type="button"
          class={`th-picture th-picture-${a.kind}`}
          aria-label={t.openImage(name)}
          onClick={() => show(a)}
        >
          <img src={href} alt="" loading="lazy" decoding="async" onError={() => setBroken(true)} />
        </button>
      );
    }
    if (a.kind === "audio") {
      // biome-ignore lint/a11y/useMediaCaption: what customers record has no captions
      return <audio class="th-audio" controls preload="none" src={href} aria-label={name} />;
    }
    if (a.kind === "video") {
      // biome-ignore lint/a11y/useMediaCaption: what customers record has no captions
      return <video class="th-video" controls preload="metadata" src={href} aria-label={name} />;
    }
  }
  return <Chip file={a} t={t} name={name} href={href} />;
}

function Chip({ file: a, t, name, href }: { file: Attachment; t: Texts; name: string; href: string }) {
  const away = a.kind === "link" || a.kind === "location" ? safeAddress(a.url ?? "") : "";
  const size = a.size_bytes ? fileSize(a.size_bytes, t.language) : "";
  const below = a.error ? t.fileFailed : href ? size : away || a.kind === "location" ? hostOf(away) : t.fetching;
  const body = (
    <>
      <span class="th-chip-icon">
        <Icon name={iconOf(a)} size={18} />
      </span>
      <span class="th-chip-words">
        <span class="th-chip-name">{name}</span>
        {below && <small title={a.error ?? ""}>{below}</small>}
      </span>
    </>
  );
  if (a.error) return <span class="th-chip th-chip-failed">{body}</span>;
  if (href) {
    return (
      <a class="th-chip" href={`${href}?download`} download={a.name ?? ""}>
        {body}
        <Icon name="download" size={15} />
      </a>
    );
  }
  if (!away) return <span class="th-chip">{body}</span>;
  return (
    <a class="th-chip" href={away} target="_blank" rel="noopener noreferrer nofollow">
      {body}
      <Icon name="open" size={15} />
    </a>
  );
}

export function hrefOfFile(id: string): string {
  return `/files/${encodeURIComponent(id)}`;
}

export function nameOfFile(a: Attachment, t: Texts): string {
  return a.name || a.title || t.fileKinds[a.kind] || t.fileKinds.file || "";
}

function iconOf(a: Attachment): IconName {
  if (a.error) return "alert";
  switch (a.kind) {
    case "audio":
      return "audio";
    case "video":
      return "video";
    case "location":
      return "place";
    case "link":
      return "globe";
    default:
      return "file";
  }
}

function safeAddress(url: string): string {
  return /^https?:\/\//i.test(url) ? url : "";
}

function hostOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return "";
  }
}
