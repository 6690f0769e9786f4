import type { Item } from "../../shared/protocol";
import type { Api } from "../api";
import { clock, moment, stopwatch } from "../thread/format";
import { Icon, type IconName } from "../thread/icons";
import { Lines } from "./lines";
import { Recorded } from "./recorded";
import { callTexts } from "./texts";

interface Props {
  item: Item;
  customer: string;
  language: "de" | "en";
  /** An agent's name as this agent reads it. */
  agent(id: string): string;
  now: number;
  api: Api;
}

/** A call in the timeline: it rings, runs, or how it went. */
export function CallItem({ item, customer, language, agent, now, api }: Props) {
  const t = callTexts(language);
  const { call, ended } = item;
  const outcome = ended?.outcome ?? call?.state ?? "";
  return (
    <article
      class="cl-item"
      data-testid="call-item"
      data-outcome={outcome}
      data-running={!ended}
      data-from={ended?.from ?? call?.from ?? ""}
    >
      <span class="cl-item-icon">
        <Icon name={iconOf(outcome, ended?.from ?? call?.from ?? "")} size={16} />
      </span>
      <div>
        <b>{ended ? t.item.ended(ended, customer) : t.item.running(call?.from ?? "", customer)}</b>
        <p>{partsOf(item, agent, now, language).join(" · ")}</p>
        {item.lines && (
          <Lines lines={item.lines} language={language} who={(l) => (l.agent ? agent(l.agent) : customer)} />
        )}
        {ended &&
          item.recordings?.map((id) => (
            <Recorded key={id} id={id} rev={item.rev} api={api} language={language} agent={agent} />
          ))}
      </div>
      <time dateTime={item.time} title={moment(item.time, language)}>
        {clock(item.time, language)}
      </time>
    </article>
  );
}

function iconOf(outcome: string, from: string): IconName {
  if (outcome === "missed" || outcome === "no_answer") return "phoneMissed";
  if (outcome === "declined") return "phoneOff";
  return from === "agent" ? "phoneOut" : "phoneIn";
}

function partsOf(item: Item, agent: Props["agent"], now: number, language: "de" | "en"): string[] {
  const t = callTexts(language);
  const { call, ended } = item;
  if (!ended) {
    if (!call) return [];
    const since = stopwatch(now - Date.parse(call.connected_at ?? call.since));
    if (call.state === "waiting") return [t.waited(since)];
    if (call.state === "ringing") return [t.state.rings];
    return [call.agent ? agent(call.agent) : "", call.state === "connected" ? since : t.state.joining].filter(Boolean);
  }
  const reason = t.item.reasons[ended.reason] ?? "";
  if (ended.outcome !== "answered") {
    const waited = ended.from === "customer" ? t.item.waited(stopwatch(ended.wait_ms)) : "";
    return [waited, reason].filter(Boolean);
  }
  const who = ended.agent ? agent(ended.agent) : "";
  const answered = ended.from === "customer" && who ? t.item.answeredBy(who, stopwatch(ended.wait_ms)) : who;
  const held = ended.held_ms ? t.item.held(stopwatch(ended.held_ms)) : "";
  return [t.item.talked(stopwatch(ended.talk_ms)), held, answered, reason].filter(Boolean);
}
