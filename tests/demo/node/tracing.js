'use strict';

// Sets the SDK up; must be loaded before `http`, which it instruments. The exporter reads the standard variable
// OTEL_EXPORTER_OTLP_ENDPOINT.

const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { defaultResource, resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

/** Traces this process as `serviceName`; the promise of the returned function is kept once every span is sent. */
function startTracing(serviceName) {
  const identity = resourceFromAttributes({ 'service.name': serviceName, 'service.namespace': 'node' });
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(identity),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  registerInstrumentations({ tracerProvider: provider, instrumentations: [new HttpInstrumentation()] });
  return () => provider.shutdown();
}

module.exports = { startTracing };
