// Icons of the meeting: Lucide, ISC licence.

import { Svg } from "../widget/icons";

const PATHS = {
  mic: "M12 2a3 3 0 0 0-3 3v7a3 3 0 0 0 6 0V5a3 3 0 0 0-3-3zM19 10v2a7 7 0 0 1-14 0v-2M12 19v3",
  micOff:
    "m2 2 20 20M18.9 13.2A7 7 0 0 0 19 12v-2M5 10v2a7 7 0 0 0 12 5M15 9.3V5a3 3 0 0 0-5.7-1.3M9 9v3a3 3 0 0 0 5.1 2.1M12 19v3",
  cam: "m22 8-6 4 6 4V8zM4 6h10a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2z",
  camOff: "m2 2 20 20M10.7 6H14a2 2 0 0 1 2 2v2.5l6-4v10M16 16a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h2",
  screen: "M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zM8 21h8M12 17v4M9 10l3-3 3 3M12 7v6",
  chat: "M22 17a2 2 0 0 1-2 2H6.8l-4 3.5a.5.5 0 0 1-.8-.4V5a2 2 0 0 1 2-2h16a2 2 0 0 1 2 2z",
  people:
    "M16 21v-2a4 4 0 0 0-4-4H6a4 4 0 0 0-4 4v2M9 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM22 21v-2a4 4 0 0 0-3-3.9M16 3.1a4 4 0 0 1 0 7.8",
  globe: "M2 12a10 10 0 1 0 20 0 10 10 0 1 0-20 0M2 12h20M12 2a15 15 0 0 0 0 20 15 15 0 0 0 0-20",
  link: "M10 13a5 5 0 0 0 7.5.5l3-3a5 5 0 0 0-7-7l-1.7 1.7M14 11a5 5 0 0 0-7.5-.5l-3 3a5 5 0 0 0 7 7l1.7-1.7",
  record: "M4 12a8 8 0 1 0 16 0 8 8 0 1 0-16 0M9 12a3 3 0 1 0 6 0 3 3 0 1 0-6 0",
  stop: "M6 6h12v12H6z",
  unlock: "M5 11h14v10H5zM8 11V7a4 4 0 0 1 7.8-1",
};

export type Sign = keyof typeof PATHS;

export function Mark({ name, size = 22 }: { name: Sign; size?: number }) {
  return <Svg path={PATHS[name]} size={size} />;
}
