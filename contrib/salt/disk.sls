{#- Volumes that Keyward unlocks, and the services that run on them. Reads the pillar of the article's state,
    luks: {data: {dev_name, vg_name, mountpoint, password}}, with services: [mongod] beside them, or the one that
    `keyward pillar` prints. The password is not looked at: the key comes from the server to cryptsetup, by the grant
    that describes the volume, and neither master nor cache nor state has it. Keyward makes a volume only on a device
    that is proven to be blank, only if the grant says so, and only if dev_name is the grant's device. -#}
{%- for name, disk in pillar['luks'] | dictsort %}
{%- for word in [name, disk['dev_name'], disk.get('mountpoint', '/'), disk.get('timeout', '2m')] %}
{%- set plain = '0' ~ word | replace('/', '') | replace('-', '') | replace('_', '') | replace('.', '') | replace(':', '') | replace('+', '') | replace('=', '') %}
{%- if not plain.isalnum() or word.startswith('-') %}{{ keyward_wants_names_and_paths.not_this }}{% endif %}
{%- endfor %}
unlock {{ name }}:
  cmd.run:
    - name: keyward unlock {{ name }} --device {{ disk['dev_name'] }} --no-prompt --timeout {{ disk.get('timeout', '2m') }}
    - unless: keyward disk status {{ name }}
{%- if 'mountpoint' in disk %}

{{ name }} is mounted:
  test.fail_without_changes:
    - name: nothing is mounted on {{ disk['mountpoint'] }}
    - unless: mountpoint -q {{ disk['mountpoint'] }}
    - require:
      - cmd: unlock {{ name }}
{%- endif %}
{%- for service in disk.get('services', []) %}

{{ service }}:
  service.running:
    - require:
{%- if 'mountpoint' in disk %}
      - test: {{ name }} is mounted
{%- else %}
      - cmd: unlock {{ name }}
{%- endif %}
{%- endfor %}
{% endfor %}
