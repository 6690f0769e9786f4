import { initialsOf, turnOf } from "./format";
import { Icon } from "./icons";

/** A person as two letters on a quiet colour that stays the same for the same name. */
export function Avatar(props: { name: string; large?: boolean; online?: boolean }) {
  return (
    <span
      class={props.large ? "th-av th-av-large" : "th-av"}
      style={`--th-turn:${turnOf(props.name)}`}
      aria-hidden="true"
    >
      {initialsOf(props.name) || <Icon name="person" size={props.large ? 16 : 13} />}
      {props.online && <span class="th-av-online" />}
    </span>
  );
}
