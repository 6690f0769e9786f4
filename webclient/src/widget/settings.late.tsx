// The settings behind the three dots.

import type { Chat } from "./chat";
import type { Keep } from "./keep";
import { erase, last } from "./lasting";
import type { Kit } from "./late";
import { borrow, dress } from "./own/lent";
import css from "./settings.css?text";
import type { Texts } from "./texts/en";

interface Props {
  chat: Chat;
  keep: Keep;
  t: Texts;
  /** To be shown again, or no more. */
  changed(open: boolean): void;
}

export default (kit: Kit) => {
  borrow(kit);
  dressed ??= dress(css);
  return Settings;
};

let dressed: ReturnType<Kit["dress"]>;

function Settings({ chat, keep, t, changed }: Props) {
  return (
    <fieldset ref={dressed} class="settings" aria-label={t.more}>
      <label>
        <input
          type="checkbox"
          checked={chat.talk.sound}
          onChange={(e) => {
            chat.talk.sound = e.currentTarget.checked;
            chat.talk.save();
            changed(true);
          }}
        />
        {t.sound}
      </label>
      {chat.talk.begun && (
        <>
          <label>
            <input
              type="checkbox"
              data-testid="keep"
              checked={keep.lasting}
              onChange={(e) => {
                last(keep, e.currentTarget.checked);
                changed(true);
              }}
            />
            <span>
              {t.keep}
              <small>{t.keepHint}</small>
            </span>
          </label>
          <button
            type="button"
            class="text"
            data-testid="erase"
            onClick={() => {
              changed(false);
              erase(chat, keep);
            }}
          >
            {t.erase}
          </button>
        </>
      )}
    </fieldset>
  );
}
