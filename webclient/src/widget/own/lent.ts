// What a part that is loaded later borrows from the page that loads it. The build gives each x.late.tsx its own
// copy of this module and takes its JSX from here, so that the part is one small file (see build/resolve.go).

import type { Kit } from "../late";

export let jsx: Kit["jsx"];
export let jsxs: Kit["jsxs"];
export let Fragment: Kit["Fragment"];
export let Icon: Kit["Icon"];
export let Svg: Kit["Svg"];
export let Late: Kit["Late"];
export let dress: Kit["dress"];

export function borrow(kit: Kit): void {
  ({ jsx, jsxs, Fragment, Icon, Svg, Late, dress } = kit);
}
