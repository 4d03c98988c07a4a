// The pages of the dashboard, told once: the server answers these paths, and the page leads to them.
// It must not know what stands on them; nothing of the server may be imported here, as a browser loads it too.

/** Where the dashboard begins: the overview. Every other page is one name below it. */
export const DASHBOARD_PATH = "/dashboard";

/** The pages below the overview, as their paths name them. */
export const dashboardPages = ["anomalies", "daily", "funnel", "items", "live", "jobs"] as const;
export type DashboardPage = (typeof dashboardPages)[number];

/** Where the files of the page are, each under a name that its bytes make. */
export const ASSETS_PATH = `${DASHBOARD_PATH}/assets`;
