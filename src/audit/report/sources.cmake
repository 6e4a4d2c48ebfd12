# The forms a report is shown and kept in, and the gate.
set(report_sources
  gate.cc
  report/batch_plots.cc
  report/engine_plots.cc
  report/html.cc
  report/html_origin.cc
  report/html_tables.cc
  report/json.cc
  report/movement_plot.cc
  report/overview.cc
  report/start.cc
  report/style.cc
  report/svg.cc
  report/text.cc
  report/text_layout.cc
  report/wording.cc)
