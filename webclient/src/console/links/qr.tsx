import { useEffect, useState } from "preact/hooks";

/** The text as a QR code. What draws it is loaded when it is needed. */
export function Qr({ text, label }: { text: string; label: string }) {
  const [code, setCode] = useState<{ size: number; path: string } | null>(null);
  useEffect(() => {
    let wanted = true;
    void import("uqr").then(({ encode }) => {
      const { size, data } = encode(text, { ecc: "M", border: 2 });
      if (wanted) setCode({ size, path: pathOf(data) });
    });
    return () => {
      wanted = false;
    };
  }, [text]);
  if (!code) return <div class="lk-qr" />;
  return (
    <svg
      class="lk-qr"
      viewBox={`0 0 ${code.size} ${code.size}`}
      shape-rendering="crispEdges"
      role="img"
      aria-label={label}
      data-testid="link-qr"
    >
      <path d={code.path} />
    </svg>
  );
}

/** Dark squares, each row's neighbours as one piece. */
export function pathOf(data: readonly (readonly boolean[])[]): string {
  let path = "";
  data.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      const from = x;
      while (row[x + 1]) x++;
      path += `M${from} ${y}h${x + 1 - from}v1H${from}z`;
    }
  });
  return path;
}
