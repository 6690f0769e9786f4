// A picture of a track, and the voices of the others.

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Meeting } from "./meeting";

/** Shows a track; a mirror is what one expects of one's own face. */
export function Picture({ track, mirror, id }: { track: MediaStreamTrack | undefined; mirror?: boolean; id?: string }) {
  const ref = useRef<HTMLVideoElement>(null);
  useLayoutEffect(() => {
    const video = ref.current;
    if (!video) return;
    video.srcObject = track ? new MediaStream([track]) : null;
    if (track) video.play().catch(() => {}); // a picture without sound may always play; it may be gone again
  }, [track]);
  return <video ref={ref} class={mirror ? "mirror" : ""} data-testid={id} autoplay muted playsInline />;
}

/** Plays everybody's sound. It is made of parts that stay, so that a voice is not cut when somebody joins. */
export function Voices({ meeting }: { meeting: Meeting }) {
  return (
    <>
      {meeting.voices().map((v) => (
        <Voice key={v.mid} track={v.track} speaker={meeting.choices("audiooutput").chosen} />
      ))}
    </>
  );
}

function Voice({ track, speaker }: { track: MediaStreamTrack; speaker: string }) {
  const ref = useRef<HTMLAudioElement>(null);
  useLayoutEffect(() => {
    const audio = ref.current;
    if (!audio) return;
    audio.srcObject = new MediaStream([track]);
    const play = () => void audio.play().catch(() => addEventListener("pointerdown", play, { once: true }));
    play();
    return () => removeEventListener("pointerdown", play);
  }, [track]);
  useLayoutEffect(() => {
    if (speaker) void ref.current?.setSinkId?.(speaker).catch(() => {}); // it was unplugged
  }, [speaker]);
  // biome-ignore lint/a11y/useMediaCaption: people who talk have no captions
  return <audio ref={ref} autoplay />;
}
