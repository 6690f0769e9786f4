import call from "../../widget/texts/call-en";
import chat from "../../widget/texts/en";
import talk from "../texts/en";
import type { Words } from "./words";

export default { talk, call, chat } satisfies Words;
