// Asks for an address when nobody can answer now; with a message while there is none yet.

import type { Chat } from "./chat";
import css from "./form.css?text";
import type { Kit } from "./late";
import { borrow, dress } from "./own/lent";
import type { Texts } from "./texts/en";

interface Props {
  chat: Chat;
  t: Texts;
  /** Ask for the message, too. */
  message: boolean;
  /** Runes that a message may have. */
  most: number;
  draft: string;
  keepDraft(text: string): void;
  /** What is wrong with the last try; "" nothing. */
  problem: string;
  /** What is wrong with this one; "" and it is given. */
  checked(problem: string): void;
}

export default (kit: Kit) => {
  borrow(kit);
  dressed ??= dress(css);
  return AddressForm;
};

let dressed: ReturnType<Kit["dress"]>;

function submit(e: SubmitEvent, props: Props): void {
  e.preventDefault();
  const { chat, t, message } = props;
  const form = e.currentTarget as HTMLFormElement;
  const fields = new FormData(form);
  const value = (name: string) => String(fields.get(name) ?? "").trim();
  const [name, email, phone, text] = [value("name"), value("email"), value("phone"), value("message")];
  const problem = message && !text ? t.needMessage : email || phone ? "" : t.needAddress;
  props.checked(problem);
  if (problem) {
    form.querySelector<HTMLElement>(message && !text ? "textarea" : "[type=email]")?.focus();
    return;
  }
  chat.introduce({ name, email, phone });
  if (message) chat.say(text, [], true);
  props.keepDraft("");
}

function AddressForm(props: Props) {
  const { t, message } = props;
  return (
    <form ref={dressed} class="address" data-testid="offline-form" onSubmit={(e) => submit(e, props)}>
      <p>{message ? t.leave : t.reach}</p>
      {message && (
        <label>
          {t.message}
          <textarea
            class="field"
            name="message"
            data-testid="offline-message"
            rows={4}
            maxLength={props.most}
            defaultValue={props.draft}
            onInput={(e) => props.keepDraft(e.currentTarget.value)}
          />
        </label>
      )}
      <label>
        {t.name}
        <input class="field" name="name" data-testid="offline-name" autocomplete="name" maxLength={100} />
      </label>
      <label>
        {t.email}
        <input
          class="field"
          name="email"
          data-testid="offline-email"
          type="email"
          autocomplete="email"
          maxLength={254}
        />
      </label>
      <label>
        {t.phone}
        <input class="field" name="phone" data-testid="offline-phone" type="tel" autocomplete="tel" maxLength={40} />
      </label>
      {props.problem && <p role="alert">{props.problem}</p>}
      <button type="submit" class="primary" data-testid="offline-send">
        {t.send}
      </button>
    </form>
  );
}
