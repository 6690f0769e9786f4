import type { ComponentChildren } from "preact";
import type { Conversation } from "../../shared/protocol";
import type { ReplyRule } from "../rules";
import { span, when } from "./format";
import { Icon, type IconName } from "./icons";
import type { Texts } from "./texts";

interface Props {
  conversation: Conversation;
  rule: ReplyRule;
  t: Texts;
  now: number;
  /** The name of the colleague who has it; "" for nobody. */
  holder: string;
  take: () => void;
}

const WEEK_MS = 7 * 86_400_000;
const SOON_MS = 2 * 3_600_000;

/** Why nothing can be answered here, or until when it can. */
export function Notice({ conversation: c, rule, t, now, holder, take }: Props) {
  if (!rule.may) {
    if (rule.block !== "not_mine") return <Line icon="alert">{t.blocks[rule.block]}</Line>;
    return (
      <Line icon={holder ? "lock" : "take"}>
        {holder ? t.heldBlock(holder) : t.blocks.not_mine}
        <button type="button" class="th-btn th-btn-small" onClick={take} data-testid="take-to-answer">
          {t.takeToAnswer}
        </button>
      </Line>
    );
  }
  if (rule.notice === "none") return null;
  const until = Date.parse(rule.until);
  if (rule.notice === "window") {
    const left = until - now;
    // Most of a day left is no news.
    return left > SOON_MS ? null : <Line icon="clock">{t.windowUntil(when(until, now, t.language), span(left))}</Line>;
  }
  const end = until > now || !c.last_inbound ? until : Date.parse(c.last_inbound) + WEEK_MS;
  return <Line icon="clock">{t.humanAgentUntil(when(end, now, t.language))}</Line>;
}

function Line(props: { icon: IconName; children: ComponentChildren }) {
  return (
    <div class="th-notice" role="status">
      <Icon name={props.icon} size={15} />
      <span class="th-notice-text">{props.children}</span>
    </div>
  );
}
