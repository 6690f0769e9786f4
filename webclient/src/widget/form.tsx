// Asks for an address when nobody can answer now; with a message while there is none yet.

import { Component } from "preact";
import { MAX_TEXT_RUNES } from "../shared/protocol";
import type { Chat } from "./chat";
import type { Texts } from "./texts/en";

interface Props {
  chat: Chat;
  t: Texts;
  /** Ask for the message, too. */
  message: boolean;
  draft: string;
  keepDraft(text: string): void;
  /** Given. */
  done(): void;
}

export class AddressForm extends Component<Props, { problem: string }> {
  override state = { problem: "" };

  readonly #submit = (e: SubmitEvent): void => {
    e.preventDefault();
    const { chat, t, message, keepDraft, done } = this.props;
    const fields = new FormData(e.currentTarget as HTMLFormElement);
    const value = (name: string) => String(fields.get(name) ?? "").trim();
    const [name, email, phone, text] = [value("name"), value("email"), value("phone"), value("message")];
    const problem = message && !text ? t.needMessage : email || phone ? "" : t.needAddress;
    this.setState({ problem });
    if (problem) return;
    chat.introduce({ name, email, phone });
    if (message) chat.say(text, [], true);
    keepDraft("");
    done();
  };

  override render() {
    const { t, message, draft, keepDraft } = this.props;
    return (
      <form class="address" data-testid="offline-form" onSubmit={this.#submit}>
        <p>{message ? t.leave : t.reach}</p>
        {message && (
          <label>
            {t.message}
            <textarea
              name="message"
              data-testid="offline-message"
              rows={4}
              maxLength={MAX_TEXT_RUNES}
              defaultValue={draft}
              onInput={(e) => keepDraft(e.currentTarget.value)}
            />
          </label>
        )}
        <label>
          {t.name}
          <input name="name" data-testid="offline-name" autocomplete="name" maxLength={100} />
        </label>
        <label>
          {t.email}
          <input name="email" data-testid="offline-email" type="email" autocomplete="email" maxLength={254} />
        </label>
        <label>
          {t.phone}
          <input name="phone" data-testid="offline-phone" type="tel" autocomplete="tel" maxLength={40} />
        </label>
        {this.state.problem && <p role="alert">{this.state.problem}</p>}
        <button type="submit" class="primary" data-testid="offline-send">
          {t.send}
        </button>
      </form>
    );
  }
}
