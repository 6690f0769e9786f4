import { Icon } from "../thread/icons";
import type { Phone } from "./phone";
import type { CallTexts } from "./texts";

interface Props {
  phone: Phone;
  conversation: string;
  ct: CallTexts;
  /** Said behind it. */
  more?: string;
}

/** Why the microphone could not be had just now. */
export function Trouble({ phone, conversation, ct, more }: Props) {
  const trouble = phone.trouble.value;
  if (trouble?.conversation !== conversation) return null;
  return (
    <p class="cl-warn" role="alert" data-testid="call-trouble">
      <Icon name="micOff" size={15} />
      <span>
        {ct.trouble[trouble.why]} {more}
      </span>
    </p>
  );
}
