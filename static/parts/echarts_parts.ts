// The parts of ECharts that are used, and no others. A module of its own, fetched when the first page needs it.

import * as core from "echarts/lib/export/core.js";
import { install as BarChart } from "echarts/lib/chart/bar/install.js";
import { install as LineChart } from "echarts/lib/chart/line/install.js";
import { install as ScatterChart } from "echarts/lib/chart/scatter/install.js";
import { install as Grid } from "echarts/lib/component/grid/installSimple.js";
import { install as Legend } from "echarts/lib/component/legend/installLegendPlain.js";
import { install as MarkArea } from "echarts/lib/component/marker/installMarkArea.js";
import { install as MarkLine } from "echarts/lib/component/marker/installMarkLine.js";
import { install as Tooltip } from "echarts/lib/component/tooltip/install.js";
import { install as Canvas } from "echarts/lib/renderer/installCanvasRenderer.js";

core.use([BarChart, LineChart, ScatterChart, Grid, Legend, MarkArea, MarkLine, Tooltip, Canvas]);

export const init = core.init;
export type { EChartsType } from "echarts/lib/export/core.js";
