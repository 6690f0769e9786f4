import { initialsOf, turnOf } from "./format";
import { Icon } from "./icons";

interface Props {
  name: string;
  large?: boolean;
  online?: boolean;
  /** The person's picture, a file of the gateway; "" or absent: none is known. */
  picture?: string;
}

/** A person: the picture, or two letters on a quiet colour that stays the same for the same name. */
export function Avatar(props: Props) {
  return (
    <span
      class={props.large ? "th-av th-av-large" : "th-av"}
      style={`--th-turn:${turnOf(props.name)}`}
      aria-hidden="true"
    >
      {props.picture ? (
        <img src={`/files/${props.picture}`} alt="" loading="lazy" />
      ) : (
        initialsOf(props.name) || <Icon name="person" size={props.large ? 16 : 13} />
      )}
      {props.online && <span class="th-av-online" />}
    </span>
  );
}
