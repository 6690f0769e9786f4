// What can be done in the meeting: one row of round buttons, leave in red.

import { useEffect, useState } from "preact/hooks";
import { Icon } from "../widget/icons";
import { Mark, type Sign } from "./icons";
import type { Meeting } from "./meeting";
import { recordAct } from "./recording";
import type { Texts } from "./texts/en";

export function Bar({ meeting, t }: { meeting: Meeting; t: Texts }) {
  const { micOn: mic, cam, screen } = meeting;
  const waiting = meeting.room.value.lobby.length;
  const unread = meeting.unread.value;
  const record = recordAct(meeting);
  const q = meeting.quality.value;
  const shares = "getDisplayMedia" in (navigator.mediaDevices ?? {});
  return (
    <div class="bar">
      <p class="facts">
        <Clock since={meeting.room.value.since} label={t.timer} />
        {q && (
          <span class={`quality ${q}`} data-testid="quality">
            <i />
            <i />
            <i />
            <span>{t.quality[q]}</span>
          </span>
        )}
        {meeting.room.value.locked && (
          <span title={t.isLocked} data-testid="meet-locked">
            <Icon name="lock" size={14} />
            <span class="sr">{t.isLocked}</span>
          </span>
        )}
      </p>
      <div class="controls">
        <Round
          id="meet-mic"
          icon={mic ? "mic" : "micOff"}
          text={t.mic}
          says={mic ? t.micOff : t.micOn}
          off={!mic}
          click={() => void meeting.toggleMic()}
        />
        <Round
          id="meet-cam"
          icon={cam ? "cam" : "camOff"}
          text={t.cam}
          says={cam ? t.camOff : t.camOn}
          off={!cam}
          click={() => void meeting.toggleCam()}
        />
        {shares && (
          <Round
            id="meet-share"
            icon="screen"
            text={t.share}
            says={screen ? t.shareOff : t.shareOn}
            pressed={screen !== undefined}
            click={() => void meeting.toggleShare()}
          />
        )}
        {record && (
          <Round
            id="meet-record"
            icon={record === "record" ? "record" : "stop"}
            text={t.rec.record}
            says={record === "record" ? t.rec.start : t.rec.stop}
            pressed={record === "record_stop"}
            click={() => meeting.do(record)}
          />
        )}
        <Round
          id="meet-chat"
          icon="chat"
          text={t.chat}
          says={unread ? `${t.chat}, ${t.unread(unread)}` : t.chat}
          badge={unread}
          pressed={meeting.panel.value === "chat"}
          click={() => meeting.open("chat")}
        />
        <Round
          id="meet-people"
          icon="people"
          text={t.people}
          says={waiting ? `${t.people}, ${t.knocking(waiting)}` : t.people}
          badge={waiting}
          pressed={meeting.panel.value === "people"}
          click={() => meeting.open("people")}
        />
        <button type="button" class="round leave" data-testid="meet-leave" onClick={() => meeting.leave()}>
          <span>
            <Icon name="phone" size={22} />
          </span>
          {t.leave}
        </button>
      </div>
    </div>
  );
}

interface RoundProps {
  id: string;
  icon: Sign;
  text: string;
  /** What a screen reader and a tooltip say. */
  says: string;
  off?: boolean;
  pressed?: boolean;
  badge?: number;
  click(): void;
}

function Round({ id, icon, text, says, off, pressed, badge, click }: RoundProps) {
  return (
    <button
      type="button"
      class={off ? "round off" : "round"}
      data-testid={id}
      data-off={off}
      title={says}
      aria-label={says}
      onClick={click}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
    >
      <span>
        <Mark name={icon} />
        {badge ? <b>{badge}</b> : null}
      </span>
      {text}
    </button>
  );
}

function Clock({ since, label }: { since: string; label: string }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const beat = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(beat);
  }, []);
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000)) || 0;
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const text = `${hours ? `${hours}:` : ""}${hours ? two(Math.floor(seconds / 60) % 60) : Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  return <time title={label}>{text}</time>;
}
