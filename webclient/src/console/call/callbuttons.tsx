import { useState } from "preact/hooks";
import type { Desk } from "../desk";
import { Icon, type IconName } from "../thread/icons";
import { ColleagueMenu } from "./colleague";
import type { DeskTexts } from "./desktexts";
import { nameOfLeg } from "./people";
import { SuperviseModes } from "./supervise";
import type { CallTexts } from "./texts";
import type { CallView } from "./view";

interface Props {
  desk: Desk;
  view: Extract<CallView, { at: "call" }>;
  muted: boolean;
  t: CallTexts;
  dt: DeskTexts;
}

/** What can be done with a call, by what the agent is in it; where this page is not in it, a way into it. */
export function CallButtons(props: Props) {
  const { desk, view, t } = props;
  const { phone } = desk;
  const out = view.here === "elsewhere" || view.here === "gone" || view.here === "no-microphone";
  if (out) {
    return (
      <div class="cl-act">
        <Act look="cl-take" icon="phone" id="call-take-here" act={() => phone.takeHere()}>
          {view.here === "elsewhere" ? t.takeHere : t.joinAgain}
        </Act>
        <HangUp {...props} />
      </div>
    );
  }
  if (view.leg) return <OfGuest {...props} />;
  if (view.call.legs?.some((l) => l.role === "consult")) return <WhileConsulting {...props} />;
  return <OfHolder {...props} />;
}

/** The call is the agent's. */
function OfHolder(props: Props) {
  const { desk, view, t, dt } = props;
  const [asking, setAsking] = useState(false);
  const { phone } = desk;
  const held = Boolean(view.call.held_since);
  const guest = view.call.legs?.find((l) => l.role === "guest" && l.agent);
  const answered = view.call.state === "connected" || view.call.state === "answered";
  return (
    <>
      {asking && answered && <ColleagueMenu desk={desk} view={view} ct={t} t={dt} close={() => setAsking(false)} />}
      <div class="cl-act">
        <Mute {...props} />
        {answered && (
          <>
            <Act
              look="cl-mute"
              icon={held ? "play" : "pause"}
              id="call-hold"
              shortcut="H"
              pressed={held}
              act={() => phone.toggleHold()}
            >
              {held ? dt.resume : dt.hold}
            </Act>
            <button
              type="button"
              id="cl-colleague"
              class="cl-mute"
              aria-haspopup="listbox"
              aria-expanded={asking}
              aria-keyshortcuts="C"
              title={`${dt.colleague} (C)`}
              onClick={() => setAsking(!asking)}
              data-testid="call-colleague"
            >
              <Icon name="transfer" size={18} />
              <span>{dt.colleague}</span>
              <kbd>C</kbd>
            </button>
          </>
        )}
        <HangUp {...props} />
        {guest && (
          <Act look="cl-mute cl-whole" icon="giveBack" id="call-leave" act={() => phone.act("leave")}>
            {dt.leaveTo(nameOfLeg(desk, guest))}
          </Act>
        )}
      </div>
    </>
  );
}

/** A colleague is asked, or talks with the agent while the customer hears music. */
function WhileConsulting(props: Props) {
  const { desk, view, dt } = props;
  const { phone } = desk;
  const there = view.call.legs?.some((l) => l.role === "consult" && l.agent);
  return (
    <div class="cl-act">
      {there && (
        <>
          <Act look="cl-take" icon="transfer" id="call-connect" act={() => phone.act("connect")}>
            {dt.connect}
          </Act>
          <Act look="cl-mute" icon="accept" id="call-conference" act={() => phone.act("conference")}>
            {dt.conference}
          </Act>
        </>
      )}
      <Mute {...props} />
      <Act look="cl-mute" icon="giveBack" id="call-back" act={() => phone.act("back")}>
        {there ? dt.back : dt.cancel}
      </Act>
    </div>
  );
}

/** The agent was asked in, or supervises. */
function OfGuest(props: Props) {
  const { desk, view } = props;
  const role = view.leg?.role ?? "";
  const supervises = role === "listen" || role === "whisper" || role === "barge";
  return (
    <>
      {supervises && <SuperviseModes desk={desk} conversation={view.conversation} mode={role} t={props.dt} />}
      <div class="cl-act">
        <Mute {...props} />
        <HangUp {...props} />
      </div>
    </>
  );
}

function Mute({ desk, muted, t }: Props) {
  return (
    <Act
      look="cl-mute"
      icon={muted ? "micOff" : "mic"}
      id="call-mute"
      shortcut="M"
      pressed={muted}
      label={t.mute}
      act={() => desk.phone.toggleMute()}
    >
      {muted ? t.unmute : t.mute}
    </Act>
  );
}

function HangUp({ desk, view, t, dt }: Props) {
  const others = !view.leg && view.call.legs?.some((l) => l.role === "guest" && l.agent);
  const said = view.leg ? dt.leave : others ? dt.endForAll : t.hangUp;
  return (
    <button
      type="button"
      class="cl-hang"
      aria-keyshortcuts="Control+Shift+H"
      title={`${said} (Ctrl+Shift+H)`}
      onClick={() => desk.phone.hangUp()}
      data-testid="call-hangup"
    >
      <Icon name="phoneOff" size={18} />
      <span>{said}</span>
    </button>
  );
}

interface ActProps {
  look: string;
  icon: IconName;
  id: string;
  act: () => void;
  /** The single key that does it. */
  shortcut?: string;
  pressed?: boolean;
  label?: string;
  children: string;
}

function Act({ look, icon, id, act, shortcut, pressed, label, children }: ActProps) {
  return (
    <button
      type="button"
      class={look}
      onClick={act}
      title={shortcut ? `${children} (${shortcut})` : children}
      data-testid={id}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
      {...(label ? { "aria-label": label } : {})}
      {...(shortcut ? { "aria-keyshortcuts": shortcut } : {})}
    >
      <Icon name={icon} size={18} />
      <span>{children}</span>
      {shortcut && <kbd>{shortcut}</kbd>}
    </button>
  );
}
