import { useEffect, useState } from "preact/hooks";
import { Meter } from "../../shared/call-browser";
import type { Phone } from "./phone";
import { Sense } from "./sense";

/** Senses while the line of this page lives; null before and after. */
export function useSense(phone: Phone, live: boolean): Sense | null {
  const [sense, setSense] = useState<Sense | null>(null);
  useEffect(() => {
    if (!live) return;
    const one = new Sense({ meter: openMeter, stream: () => phone.talk.stream, peer: () => phone.talk.peer });
    setSense(one);
    return () => {
      one.dispose();
      setSense(null);
    };
  }, [phone, live]);
  return sense;
}

/** A copy of the track, because a muted one is silent. */
function openMeter(sound: MediaStream) {
  const tracks = sound.getAudioTracks().map((t) => t.clone());
  for (const track of tracks) track.enabled = true;
  const meter = new Meter(new MediaStream(tracks));
  return {
    level: () => meter.level(),
    close: () => {
      for (const track of tracks) track.stop();
      meter.close();
    },
  };
}
