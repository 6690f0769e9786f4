import { callTexts } from "../call/texts";
import { Avatar } from "./avatar";
import { Icon } from "./icons";
import type { Choice } from "./targets";
import type { Texts } from "./texts";

interface Props {
  id: string;
  choice: Choice;
  /** The first of its kind. */
  heading: boolean;
  on: boolean;
  /** The agent is in a call. */
  talking: boolean;
  t: Texts;
  choose: () => void;
  point: () => void;
}

/** One agent or queue of the transfer menu. */
export function Option({ id, choice, heading, on, talking, t, choose, point }: Props) {
  const agent = choice.kind === "agent";
  const said = agent
    ? talking
      ? callTexts(t.language).inCall
      : (t.presence[choice.presence] ?? choice.presence)
    : [t.waiting(choice.waiting), choice.open ? "" : t.queueClosed].filter(Boolean).join(" · ");
  return (
    <>
      {heading && (
        <div class="th-options-head" role="presentation">
          {agent ? t.agents : t.queues}
        </div>
      )}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys */}
      <div
        id={id}
        class="th-option"
        role="option"
        tabIndex={-1}
        aria-selected={on}
        onClick={choose}
        onPointerMove={on ? undefined : point}
        data-testid={`transfer-to-${choice.id}`}
      >
        {agent ? (
          <Avatar name={choice.name} />
        ) : (
          <span class="th-av th-av-queue">
            <Icon name="queue" size={13} />
          </span>
        )}
        <span class="th-option-name">{choice.name}</span>
        <small class={agent ? `th-presence th-presence-${choice.presence}` : "th-presence"}>{said}</small>
      </div>
    </>
  );
}
