import { Avatar } from "../thread/avatar";
import { Icon } from "../thread/icons";
import type { Phone } from "./phone";
import type { CallTexts } from "./texts";
import type { CallView } from "./view";

interface Props {
  phone: Phone;
  view: Extract<CallView, { at: "over" }>;
  name: string;
  t: CallTexts;
}

/** The customer did not take the call. */
export function OverCard({ phone, view, name, t }: Props) {
  const { conversation: c, record } = view;
  return (
    <section class="cl-card cl-card-quiet" aria-label={t.region} data-testid="call-over" data-outcome={record.outcome}>
      <div class="cl-who">
        <Avatar name={name} large picture={c.contact.picture} />
        <div>
          <h2>{name}</h2>
          <p role="status">{t.over(record, name)}</p>
        </div>
      </div>
      <div class="cl-act">
        <button type="button" class="cl-mute" onClick={() => phone.dismiss()}>
          {t.dismiss}
        </button>
        <button type="button" class="cl-take" disabled={!c.online} onClick={() => void phone.place(c)}>
          <Icon name="phone" size={18} />
          {t.call}
        </button>
      </div>
    </section>
  );
}
