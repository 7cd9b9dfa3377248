{#- Volumes that Keyward unlocks, and the services that run on them. Reads the pillar of the article's state,
    luks: {data: {dev_name, vg_name, mountpoint, password}}, and services: [mongod] beside them. The password is not
    looked at: the key comes from the server to cryptsetup, by the grant that describes the volume, and neither master
    nor cache nor state has it. Nothing is formatted that is not proven to be blank, and only if the grant says so. -#}
{%- for name, disk in pillar['luks'] | dictsort %}
{%- if not (name | replace('-', '') | replace('_', '')).isalnum() %}{{ keyward_wants_the_name_of_a_volume.not_this }}{% endif %}
unlock {{ name }}:
  cmd.run:
    - name: keyward unlock {{ name }} --no-prompt --timeout 2m
    - python_shell: False
    - unless: keyward disk status {{ name }}

{{ name }} is mounted:
  cmd.run:
    - name: findmnt --noheadings {{ disk['mountpoint'] }}
    - python_shell: False
    - require:
      - cmd: unlock {{ name }}
{%- for service in disk.get('services', []) %}

{{ service }}:
  service.running:
    - require:
      - cmd: {{ name }} is mounted
{%- endfor %}
{% endfor %}
