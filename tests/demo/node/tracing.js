'use strict';

// Sets the SDK up; must be loaded before `http`, which it instruments. The exporter reads the standard variable
// OTEL_EXPORTER_OTLP_ENDPOINT.

const { OTLPMetricExporter } = require('@opentelemetry/exporter-metrics-otlp-proto');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { defaultResource, resourceFromAttributes } = require('@opentelemetry/resources');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

/** Traces and measures this process as `serviceName`; the promise of the returned function is kept once all is sent. */
function startTracing(serviceName) {
  const identity = resourceFromAttributes({ 'service.name': serviceName, 'service.namespace': 'node' });
  const resource = defaultResource().merge(identity);
  const provider = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() });
  const meterProvider = new MeterProvider({ resource, readers: [reader] });
  registerInstrumentations({ tracerProvider: provider, meterProvider, instrumentations: [new HttpInstrumentation()] });
  return () => Promise.all([provider.shutdown(), meterProvider.shutdown()]);
}

module.exports = { startTracing };
