import type { Conversation } from "../../shared/protocol";
import type { Desk } from "../desk";
import type { LinkStart } from "../links/links";
import { linkTexts } from "../links/texts";
import type { Composing } from "./composing";
import { Icon } from "./icons";
import type { Texts } from "./texts";

interface Props {
  desk: Desk;
  composing: Composing;
  conversation: Conversation;
  blocked: boolean;
  t: Texts;
}

/** Files and saved replies. */
export function Tools({ desk, composing, conversation, blocked, t }: Props) {
  const slash = () => {
    const text = composing.text;
    composing.write(text === "" || /\s$/.test(text) ? `${text}/` : `${text} /`);
    composing.focus.value++;
  };
  return (
    <>
      <label class="th-ib" title={t.attach} data-testid="attach">
        <Icon name="clip" size={17} />
        <input
          class="th-sr"
          type="file"
          multiple
          disabled={blocked}
          aria-label={t.attach}
          onChange={(e) => {
            composing.attach([...(e.currentTarget.files ?? [])]);
            e.currentTarget.value = "";
          }}
        />
      </label>
      {desk.store.replies.value.length > 0 && (
        <button
          type="button"
          class="th-ib"
          aria-label={t.replies}
          title={`${t.replies} ( / )`}
          disabled={blocked}
          onClick={slash}
        >
          <Icon name="replies" size={17} />
        </button>
      )}
      <button
        type="button"
        class="th-ib"
        aria-label={linkTexts(t.language).title}
        title={linkTexts(t.language).title}
        disabled={blocked}
        onClick={() => (desk.linking.value = linkStart(conversation))}
        data-testid="insert-link"
      >
        <Icon name="link" size={17} />
      </button>
    </>
  );
}

/** A link for the customer of this conversation, back to where it is now. */
function linkStart(c: Conversation): LinkStart {
  const { name, email, language } = c.contact;
  const to = c.agent ? `agent/${c.agent}` : `queue/${c.queue}`;
  return { conversation: c.id, to, name, email, subject: c.subject, language };
}
