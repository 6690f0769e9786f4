import type { Item } from "../../shared/protocol";
import type { Api } from "../api";
import { Recorded } from "../call/recorded";
import type { Language } from "../settings";
import { clock, moment, stopwatch } from "../thread/format";
import { Icon } from "../thread/icons";
import { meetTexts, outcomeOf } from "./texts";

interface Props {
  item: Item;
  language: Language;
  /** An agent's name as this agent reads it. */
  agent(id: string): string;
  now: number;
  api: Api;
}

/** A video meeting in the timeline: who is in it now, or how it went. */
export function MeetingItem({ item, language, agent, now, api }: Props) {
  const { meeting, met } = item;
  const t = meetTexts(language).item;
  const title = met ? outcomeOf(met, language) : meeting?.by ? t.open : t.knocked(meeting?.name ?? "");
  return (
    <article
      class="cl-item"
      data-testid="meeting-item"
      data-outcome={met?.outcome ?? "open"}
      data-running={!met}
      data-from={item.direction}
    >
      <span class="cl-item-icon">
        <Icon name="video" size={16} />
      </span>
      <div>
        <b>{title}</b>
        <p>{partsOf(item, agent, now, language).join(" · ")}</p>
        {met &&
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

function partsOf({ meeting, met }: Item, agent: Props["agent"], now: number, language: Language): string[] {
  const t = meetTexts(language).item;
  const list = new Intl.ListFormat(language);
  if (!met) {
    if (!meeting) return [];
    const here = (meeting.people ?? []).filter((p) => !p.left_at).map((p) => p.name);
    const since = stopwatch(Math.max(0, now - Date.parse(meeting.since)));
    const recorded = meeting.recording?.state === "on" ? t.recorded : "";
    return [here.length ? t.here(list.format(here)) : "", since, recorded].filter(Boolean);
  }
  const names = met.names ?? [];
  return [
    met.outcome !== "missed" && names.length ? t.in(list.format(names)) : "",
    met.outcome === "held" ? t.took(stopwatch(met.time_ms)) : "",
    met.agent ? t.endedBy(agent(met.agent)) : "",
    met.reason === "gave_up" ? t.gaveUp : "",
  ].filter(Boolean);
}
