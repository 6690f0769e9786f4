import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Conversation } from "../../shared/protocol";
import { inCall } from "../call/view";
import type { Desk } from "../desk";
import { Icon } from "./icons";
import { Option } from "./option";
import { useOutside } from "./outside";
import { type Choice, choicesOf } from "./targets";
import type { Texts } from "./texts";

interface Props {
  desk: Desk;
  conversation: Conversation;
  t: Texts;
  /** Above the list. */
  head?: ComponentChildren;
  /** Somebody or a queue was chosen. */
  act: (target: string) => void;
  /** back: the focus should go to where the menu was opened from. */
  close: (back: boolean) => void;
}

/** Whom to hand the conversation to: type some of the name, arrows choose, Enter does it. */
export function TransferMenu({ desk, conversation: c, t, head, act, close }: Props) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a phone the keyboard would cover the list.
    if (matchMedia("(pointer: fine)").matches) input.current?.focus();
  }, []);
  useEffect(() => box.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }));
  useOutside(box, () => close(false));
  const agents = [...desk.store.agents.value.values()];
  const choices = choicesOf(agents, desk.store.queues.value, c, desk.store.agent, query);
  const here = Math.min(at, choices.length - 1);
  const choose = (choice: Choice | undefined) => {
    if (!choice) return;
    act(choice.target);
    close(true);
  };
  const key = (e: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) setAt((here + step + choices.length) % Math.max(1, choices.length));
    else if (e.key === "Home") setAt(0);
    else if (e.key === "End") setAt(choices.length - 1);
    else if (e.key === "Enter") choose(choices[here]);
    else if (e.key === "Escape") close(true);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div ref={box} class="th-menu" data-testid="transfer-menu">
      {head}
      <label class="th-menu-filter">
        <span class="th-sr">{t.transferTo}</span>
        <Icon name="search" size={15} />
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="th-targets"
          aria-activedescendant={choices[here] ? `th-target-${here}` : undefined}
          aria-autocomplete="list"
          autoComplete="off"
          spellcheck={false}
          placeholder={t.filter}
          value={query}
          onInput={(e) => {
            setQuery(e.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={key}
        />
      </label>
      <div id="th-targets" class="th-options" role="listbox" aria-label={t.transferTo}>
        {choices.map((choice, i) => (
          <Option
            key={choice.target}
            id={`th-target-${i}`}
            choice={choice}
            heading={choices[i - 1]?.kind !== choice.kind}
            on={i === here}
            talking={choice.kind === "agent" && inCall(desk.store.all(), choice.id)}
            t={t}
            choose={() => choose(choice)}
            point={() => setAt(i)}
          />
        ))}
      </div>
      {choices.length === 0 && <p class="th-quiet">{t.nobodyFound}</p>}
    </div>
  );
}
