import type { Composing, Upload } from "./composing";
import { hrefOfFile } from "./files";
import { fileSize } from "./format";
import { Icon } from "./icons";
import type { Texts } from "./texts";

interface Props {
  composing: Composing;
  t: Texts;
}

/** The files that go with the next message. */
export function Uploads({ composing, t }: Props) {
  const uploads = composing.uploads.value;
  if (uploads.length === 0) return null;
  return (
    <ul class="th-uploads">
      {uploads.map((u) => (
        <li key={u.key} class={`th-chip th-upload th-upload-${u.state}`}>
          {u.image && u.attachment?.file ? (
            <img class="th-upload-picture" src={hrefOfFile(u.attachment.file)} alt="" />
          ) : (
            <span class="th-chip-icon">
              <Icon name={u.state === "failed" ? "alert" : "file"} size={18} />
            </span>
          )}
          <span class="th-chip-words">
            <span class="th-chip-name">{u.name}</span>
            <small role={u.state === "failed" ? "alert" : undefined}>{saidOf(u, t)}</small>
          </span>
          {u.state === "loading" && <Progress share={u.share} label={`${u.name}: ${t.uploading}`} />}
          {u.state === "failed" && u.why !== "too_large" && (
            <button type="button" class="th-link" onClick={() => composing.again(u.key)}>
              {t.retry}
            </button>
          )}
          <button
            type="button"
            class="th-ib th-ib-small"
            aria-label={t.remove(u.name)}
            onClick={() => composing.remove(u.key)}
          >
            <Icon name="close" size={14} />
          </button>
        </li>
      ))}
    </ul>
  );
}

function Progress({ share, label }: { share: number; label: string }) {
  if (Number.isNaN(share)) return <progress class="th-progress" aria-label={label} />;
  return <progress class="th-progress" max={1} value={share} aria-label={label} />;
}

function saidOf(u: Upload, t: Texts): string {
  if (u.state === "done") return fileSize(u.size, t.language);
  if (u.state === "loading") {
    return Number.isNaN(u.share) ? t.uploading : `${t.uploading}, ${Math.round(u.share * 100)} %`;
  }
  if (u.why === "too_large") return `${fileSize(u.size, t.language)}, ${t.uploadTooLarge}`;
  return u.why === "no_line" ? t.uploadNoLine : u.detail || t.uploadFailed;
}
