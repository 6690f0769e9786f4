// The head and foot of the pages before and after the meeting.

import type { ComponentChildren } from "preact";
import { Icon } from "../widget/icons";
import { Mark } from "./icons";
import type { PageProps } from "./page";

export function Frame(p: PageProps & { children: ComponentChildren }) {
  const { t } = p;
  const secure = location.protocol === "https:";
  return (
    <main class="ready" data-testid="meet" data-at={p.meeting.at.value}>
      <div class="top">
        <b data-testid="company">{p.company}</b>
        <button type="button" class="lang" data-testid="language" lang={t.other.slice(0, 2)} onClick={p.speak}>
          <Mark name="globe" size={16} />
          {t.other}
        </button>
      </div>
      {p.children}
      <p class="foot">
        {secure && <Icon name="lock" size={13} />}
        {secure ? t.encrypted : t.plain}
      </p>
    </main>
  );
}
