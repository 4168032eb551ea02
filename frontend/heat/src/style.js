export const STYLE = `
.hl { font-family: var(--st-font); color: var(--st-text-color); font-size: 13px; position: relative; background: var(--st-background-color); }
.hl h1, .hl-quiet { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.hl-title { font-weight: 600; padding: 0 0 4px; } .hl-title:empty { display: none; }
.hl-bar { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; padding: 0 0 4px; min-height: 30px; }
.hl-bar[hidden] { display: none; }
.hl button, .hl select, .hl summary { font: inherit; color: inherit; background: var(--st-secondary-background-color); border: 1px solid var(--st-border-color); border-radius: 6px; padding: 2px 8px; min-height: 26px; cursor: pointer; list-style: none; box-sizing: border-box; }
.hl summary::-webkit-details-marker { display: none; }
.hl button:hover, .hl summary:hover { border-color: var(--st-primary-color); }
.hl button[aria-pressed=true] { background: var(--st-text-color); color: var(--st-background-color); border-color: transparent; }
.hl :focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.hl-group { display: inline-flex; gap: 2px; align-items: center; } .hl-end { margin-left: auto; }
.hl button svg { display: block; }
.hl details { position: relative; }
.hl-menu { position: absolute; z-index: 5; right: 0; top: calc(100% + 4px); width: 250px; background: var(--st-background-color); border: 1px solid var(--st-border-color); border-radius: 8px; padding: 10px 12px; display: grid; gap: 8px; box-shadow: 0 6px 24px rgba(0,0,0,.25); }
.hl-menu label { display: flex; justify-content: space-between; align-items: center; gap: 8px; }
.hl-menu input[type=checkbox] { width: 16px; height: 16px; accent-color: var(--st-primary-color); }
.hl-legend { display: inline-flex; gap: 12px; align-items: center; font-size: 11px; font-variant-numeric: tabular-nums; }
.hl-track { position: relative; width: 180px; height: 22px; touch-action: none; }
.hl-track canvas { position: absolute; left: 0; top: 6px; width: 100%; height: 10px; border-radius: 3px; }
.hl-handle { position: absolute; top: 1px; width: 12px; height: 20px; margin-left: -6px; border-radius: 4px; background: var(--st-background-color); border: 2px solid var(--st-text-color); box-sizing: border-box; cursor: ew-resize; touch-action: none; }
.hl-handle::before { content: ""; position: absolute; inset: -8px -10px; }
.hl-legend .hl-hidden { position: absolute; left: 0; top: 6px; height: 10px; background: var(--st-background-color); opacity: .8; pointer-events: none; }
.hl-stage { position: relative; height: calc(var(--hl-height, max(420px, 100dvh - var(--hl-above, 190px) - var(--hl-foot, 34px))) + var(--hl-rows, 0px)); outline: none; border-radius: 4px; overflow: hidden; }
.hl-stage:focus-visible { box-shadow: inset 0 0 0 2px var(--st-primary-color); }
.hl-stage canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
.hl-stage canvas:focus-visible { outline: none; }
.hl-over { cursor: crosshair; touch-action: pan-y; -webkit-user-select: none; user-select: none; }
.hl-read { position: absolute; top: 6px; left: 6px; max-width: calc(100% - var(--hl-right, 70px) - 14px); pointer-events: none; background: var(--hl-plate); color: var(--hl-line); padding: 4px 8px; border-radius: 6px; font-size: 12px; line-height: 16px; white-space: pre-line; font-variant-numeric: tabular-nums; }
.hl-read:empty { display: none; } .hl-read.right { left: auto; right: var(--hl-right, 70px); }
.hl-act { position: absolute; left: 6px; bottom: var(--hl-below, 70px); display: flex; flex-wrap: wrap; gap: 4px; z-index: 2; }
.hl-act[hidden] { display: none; } .hl-act button { box-shadow: 0 1px 6px rgba(0,0,0,.35); background: var(--st-background-color); }
.hl-hint { position: absolute; left: 50%; top: 45%; transform: translate(-50%, -50%); background: rgba(11,14,20,.88); color: #fff; padding: 8px 14px; border-radius: 18px; pointer-events: none; opacity: 0; transition: opacity .2s; }
.hl-hint.on { opacity: 1; }
.hl-line { position: absolute; z-index: 1; height: 18px; margin-top: -9px; right: 0; padding: 0 6px !important; min-height: 0 !important; font-size: 11px !important; cursor: ns-resize !important; touch-action: none; background: var(--hl-mark) !important; color: var(--st-background-color) !important; border: 0 !important; border-radius: 4px; white-space: nowrap; }
.hl-line.along { cursor: ew-resize !important; right: auto; margin: 0 0 0 -24px; bottom: 2px; }
.hl-line::before { content: ""; position: absolute; inset: -12px; }
.hl.replaying { --hl-foot: 84px; } .hl-replay { display: flex; gap: 8px; align-items: center; padding: 4px 0; } .hl-replay[hidden] { display: none; }
.hl-replay input { flex: 1; min-width: 80px; accent-color: var(--st-primary-color); }
.hl-replay output { min-width: 120px; font-variant-numeric: tabular-nums; }
.hl-key { display: flex; flex-wrap: wrap; gap: 2px 12px; font-size: 11.5px; padding-top: 4px; color: var(--st-text-color); opacity: .85; }
.hl-key i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 4px; box-sizing: border-box; vertical-align: -1px; }
.hl-skip { position: absolute; right: 4px; bottom: 2px; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap; z-index: 3; }
.hl-skip:focus { clip-path: none; width: auto; height: auto; }
.hl dialog { max-width: min(900px, 94vw); max-height: 84vh; color: var(--st-text-color); background: var(--st-background-color); border: 1px solid var(--st-border-color); border-radius: 10px; padding: 14px; }
.hl dialog::backdrop { background: rgba(0,0,0,.5); }
.hl-scroll { overflow: auto; max-height: 62vh; margin: 8px 0; }
.hl table { border-collapse: collapse; width: 100%; } .hl th, .hl td { text-align: left; padding: 3px 10px 3px 0; border-bottom: 1px solid var(--st-border-color); white-space: nowrap; font-variant-numeric: tabular-nums; }
.hl td.n, .hl th.n { text-align: right; }
.hl.full, .hl:fullscreen { --hl-height: calc(100dvh - 62px - var(--hl-foot, 34px)); background: var(--st-background-color); padding: 8px; overflow: auto; } .hl.full .hl-stage, .hl:fullscreen .hl-stage { height: var(--hl-height); } .hl.full { position: fixed; inset: 0; z-index: 999999; }
@media (max-width: 640px) {
  .hl-legend > span:first-child { display: none; } .hl-legend { gap: 8px; padding-left: 6px; } .hl-bar button, .hl-bar summary { padding: 2px 7px; }
  .hl-track { width: 76px; } .hl-read { font-size: 11px; line-height: 15px; } .hl-wide { display: none !important; } .hl-menu { right: auto; left: 0; } .hl-end { margin-left: 0; }
  .hl-stage { height: calc(var(--hl-height, max(340px, 100dvh - var(--hl-above, 300px) - var(--hl-foot, 44px))) + var(--hl-rows, 0px)); } .hl button, .hl select, .hl summary { min-height: 32px; } .hl summary { padding-top: 5px; } .hl-line { min-height: 0 !important; }
}
`;
