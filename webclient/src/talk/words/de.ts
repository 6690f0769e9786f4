import call from "../../widget/texts/call-de";
import chat from "../../widget/texts/de";
import talk from "../texts/de";
import type { Words } from "./words";

export default { talk, call, chat } satisfies Words;
